// Package kvmirror implements the resource and the data source nats_kv_mirror: a mirror of a bucket in another
// JetStream domain or account.
package kvmirror
