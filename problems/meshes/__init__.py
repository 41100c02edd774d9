"""Problems on meshes from files, by finite elements."""
