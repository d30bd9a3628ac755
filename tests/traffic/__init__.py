"""Tests of the traffic app."""
