# The id is the public key of the account.
terraform import nats_account.inventory AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPSAXJQ
