"""Whether an offer fits what is needed, and every reason why it does not."""
