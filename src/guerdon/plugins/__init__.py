"""guerdon's pieces inside of other trainers, and other libraries' environments in guerdon; each module needs its library."""
