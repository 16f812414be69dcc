"""What nobody may keep: secrets are found and replaced."""
