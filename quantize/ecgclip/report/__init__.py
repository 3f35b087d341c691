"""One page that says how good a bundle is on a folder of records."""
