// Package claims is what the JWTs of NATS in operator mode say, as plain Go values: operators, accounts, users and activation
// tokens, with their problems, signatures, keys and credentials.
//
// A JWT is signed with an nkey and says what its subject may do. An operator signs accounts. An account signs users and
// activations. Each of them also signs with signing keys, so that its identity can stay locked away. Values hold everything that
// the claims of github.com/nats-io/jwt/v2 hold.
package claims
