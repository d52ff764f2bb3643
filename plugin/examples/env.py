# SPDX-License-Identifier: Apache-2.0
"""A database on io_uring, in Python: RocksDB's C API through ctypes."""
import ctypes
import sys

# Also loads the librocksdb that it was built for, and makes its functions visible.
rocksdb = ctypes.CDLL("librocksdb_uring.so.0")


def function(name, result, *arguments):
    found = getattr(rocksdb, name)
    found.restype = result
    found.argtypes = arguments
    return found


pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
create_env = function("rocksdb_uring_create_env", pointer, text, pointer)
env_destroy = function("rocksdb_env_destroy", None, pointer)
options_create = function("rocksdb_options_create", pointer)
options_destroy = function("rocksdb_options_destroy", None, pointer)
set_create = function("rocksdb_options_set_create_if_missing", None, pointer, ctypes.c_ubyte)
set_env = function("rocksdb_options_set_env", None, pointer, pointer)
db_open = function("rocksdb_open", pointer, pointer, text, pointer)
db_close = function("rocksdb_close", None, pointer)
write_create = function("rocksdb_writeoptions_create", pointer)
write_destroy = function("rocksdb_writeoptions_destroy", None, pointer)
read_create = function("rocksdb_readoptions_create", pointer)
read_destroy = function("rocksdb_readoptions_destroy", None, pointer)
db_put = function("rocksdb_put", None, pointer, pointer, text, size, text, size, pointer)
db_get = function("rocksdb_get", pointer, pointer, pointer, text, size, pointer, pointer)
free = function("rocksdb_free", None, pointer)


def checked(call, *arguments):
    """Calls a function that takes errptr last; raises what it says."""
    error = ctypes.c_char_p()
    result = call(*arguments, ctypes.byref(error))
    if error.value is not None:
        raise RuntimeError(error.value.decode())
    return result


env = checked(create_env, b"queue_depth=64")
options = options_create()
set_create(options, 1)
set_env(options, env)
db = checked(db_open, options, sys.argv[1].encode())
write, read = write_create(), read_create()
checked(db_put, db, write, b"greeting", 8, b"hello", 5)
length = ctypes.c_size_t()
value = checked(db_get, db, read, b"greeting", 8, ctypes.byref(length))
print(ctypes.string_at(value, length.value).decode())
free(value)
write_destroy(write)
read_destroy(read)
db_close(db)
options_destroy(options)
env_destroy(env)  # after the last database on it
