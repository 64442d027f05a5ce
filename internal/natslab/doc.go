// Package natslab runs NATS topologies inside the process: a single server, a cluster, a super-cluster of regions, a
// hub with a leaf node as two JetStream domains, and a server in a child process that can be killed. Tests and the
// demo use it, so they exercise the code of nats-server itself and never an imitation.
//
// Every topology can be started in two ways. [Start], [StartCluster], [StartSuperCluster], [StartHubAndLeaf] and
// [StartProcess] accept a context and [Options] and return an error; the caller must call Stop. [Single], [Cluster],
// [SuperCluster], [HubAndLeaf] and [Process] accept a testing.TB and any number of [Option]; they fail the test on an
// error and stop the topology when the test ends.
//
// A topology is ready when it is returned: its routes and gateways are connected, the JetStream meta group has a
// leader, all peers are current, and every server has answered a request for the JetStream account info.
//
// Servers support operator mode ([NewOperator], [OperatorMode], [ResolverMode]), accounts with users and permissions
// ([Accounts], [Users]), TLS ([TLS], [VerifyClients]), and leaf-node connections to one another ([LeafNodes],
// [LeafRemotes]). A [Proxy] between clients and a server adds latency, cuts connections, and holds single requests.
// [Requests] counts requests.
//
// All listeners are on 127.0.0.1. A server keeps its ports and its storage until Stop, so it can be shut down and
// started again at the same address.
package natslab
