//! The control plane: lifecycle, tasks, REST, authentication.
