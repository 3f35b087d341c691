"""A signed bundle of one network: its folder, manifest, card, self-test, and the archive that is sent to gateways."""
