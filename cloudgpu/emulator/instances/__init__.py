"""What is rented: its life, and what it costs."""
