"""Guerdon's pieces inside of other trainers; each module needs the library it is named after."""
