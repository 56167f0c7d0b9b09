"""Looking at a run: its answers, its class maps, its mistakes, its gap."""
