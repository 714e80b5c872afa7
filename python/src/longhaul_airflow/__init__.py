"""Serves Longhaul's connector activities for Airflow: real operators, sensors, triggers and hooks, no scheduler."""
