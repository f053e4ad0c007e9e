"""Search: choose a parent, show it, apply the reply, evaluate the child, keep the step; exactly repeatable."""
