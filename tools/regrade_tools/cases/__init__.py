"""Cases: filed where they are proven red, accepted, and asked of any output."""
