// Package resolver works on the accounts of a running NATS system in operator mode, through a user of its system
// account: it looks accounts up, pushes and deletes them on every server, reports their usage, and takes turns with
// other writers. What an account says is the matter of package claims.
package resolver
