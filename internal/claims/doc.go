// Package claims represents the JWTs of NATS operator mode as plain Go values: operators, accounts, users and
// activation tokens. It validates, signs and decodes them, and handles their keys and credentials.
//
// A JWT is signed with an NKey and describes what its subject may do. An operator signs accounts. An account signs
// users and activations. Both can sign with signing keys, so that their identity key can be kept offline. The values
// cover every field of the claims in github.com/nats-io/jwt/v2.
package claims
