# The id is the path of a key file, for example from nsc or nk. The seed itself never appears on the command line.
terraform import nats_nkey.operator ~/.local/share/nats/nsc/keys/keys/O/AB/OAB....nk
