"""`python -m longhaul_airflow`."""

from longhaul_airflow.cli import main

if __name__ == "__main__":
    main()
