"""How the operating system's service manager runs the agent."""
