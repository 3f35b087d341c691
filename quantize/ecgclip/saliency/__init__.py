"""What a finding rests on, and whether it does."""
