"""Programs that show the library at work. `make demo` runs `examples.demo`."""
