"""Images and masks in files: how they are found, decoded and grouped into classes."""
