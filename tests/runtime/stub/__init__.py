"""The smallest project that the supervisor can run. The tests copy it, with crm/runtime, into a directory."""
