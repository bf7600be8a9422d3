"""What a broker must live through: hostile peers, crowds, and its own death."""
