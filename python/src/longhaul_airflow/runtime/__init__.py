"""Airflow's own code at work, one module for each major; everything else of this package knows no Airflow."""
