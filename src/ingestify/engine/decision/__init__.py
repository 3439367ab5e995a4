"""What has to be done with each dataset that was found."""
