# From the file of a key that nsc or nk has made. The seed itself never stands on the command line.
terraform import nats_nkey.operator ~/.local/share/nats/nsc/keys/keys/O/AB/OAB....nk
