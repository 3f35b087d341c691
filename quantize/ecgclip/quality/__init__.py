"""Which leads and windows can be read: figures of a lead, their fit, and the model file."""
