"""The pages that the modules share."""
