"""The operator's command line: `reprise`."""
