"""The pages of a board: static files that need no network, written from its confusions."""
