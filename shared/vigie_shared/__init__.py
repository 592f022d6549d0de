"""What the agent and the hub must agree on."""
