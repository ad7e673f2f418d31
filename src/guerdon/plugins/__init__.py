"""guerdon's pieces inside of other trainers and around other libraries' environments; nothing here is imported by them."""
