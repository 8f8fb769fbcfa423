"""The pages of integrity, by what they are about."""
