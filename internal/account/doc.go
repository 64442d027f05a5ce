// Package account is the accounts of NATS in operator mode: the claims that operators, accounts, users and activation tokens
// are made of, as plain Go values, and the resolver that servers keep accounts in.
//
// A JWT is signed with an nkey and says what its subject may do. An operator signs accounts, an account signs users and
// activations; each of them also by signing keys, so that its identity can stay locked away. The claims are those of
// github.com/nats-io/jwt/v2; all that they can say, these values can say.
package account
