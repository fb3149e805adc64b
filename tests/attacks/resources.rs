//! Containers and files that fill memory, disks and time.
