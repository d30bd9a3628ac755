"""What happens on the wire: probes, scheduling, state. No Django, nothing else of GovNet's."""
