import {
  to = nats_account.inventory
  identity = {
    public_key = "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPSAXJQ"
  }
}
