"""One importer a kind of collection; each lists `Candidate`s, and `records.write_records` does the rest."""
