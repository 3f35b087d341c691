"""What a network is worth on recordings that it did not train with, and the levels that follow."""
