"""`python -m affekt` is the command `affekt`."""

from affekt.cli.main import main

if __name__ == "__main__":
    main()
