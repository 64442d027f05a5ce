// Package natslab runs NATS topologies inside the process: a single server, a cluster, a super-cluster of
// regions, a hub with a leaf node as two JetStream domains, and a server in a child process that can be killed. Tests
// and the demo use it, so that what they show was shown by the code of nats-server itself and never by an imitation.
//
// Every topology has two entrances. [Start], [StartCluster], [StartSuperCluster], [StartHubAndLeaf] and [StartProcess]
// take a context and [Options] and return an error; whoever calls them calls Stop. [Single], [Cluster], [SuperCluster],
// [HubAndLeaf] and [Process] take a testing.TB and any number of [Option]; they fail the test where the others return an
// error, and stop with the test.
//
// A topology that was returned is ready: its routes and gateways are up, the JetStream meta group has a leader,
// every peer of it is current, and every server has answered a request for the account's JetStream info.
//
// Servers can be in operator mode ([NewOperator], [OperatorMode], [ResolverMode]), in accounts with users and permissions
// ([Accounts], [Users]), with TLS ([TLS], [VerifyClients]), and leaf nodes of one another ([LeafNodes],
// [LeafRemotes]). A [Proxy] between clients and a server delays, cuts, and holds single requests back.
// [Requests] counts them.
//
// All listeners are on 127.0.0.1. A server keeps its ports and its storage until it is stopped for good, so it
// can be shut down and started again at the same address.
package natslab
