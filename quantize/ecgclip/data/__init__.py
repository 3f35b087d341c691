"""Recordings on disk, and several folders of them as one training set."""
