"""An encoder from recordings and their reports. The loss is `contrast`, the loop is `pretrain`."""
