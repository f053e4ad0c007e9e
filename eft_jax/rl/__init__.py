"""Test-time RL: rollouts of a search become policy-gradient updates of the model that writes them."""
