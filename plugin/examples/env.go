// A database on io_uring, in Go: RocksDB's C API through cgo.
//
// SPDX-License-Identifier: Apache-2.0
package main

// #cgo pkg-config: rocksdb_uring
// #include <stdlib.h>
// #include "rocksdb_uring/c.h"
import "C"

import (
	"fmt"
	"os"
	"unsafe"
)

// Ends the program if a call has left a message.
func check(message *C.char) {
	if message != nil {
		fmt.Fprintln(os.Stderr, C.GoString(message))
		os.Exit(1)
	}
}

func main() {
	var message *C.char
	wanted := C.CString("queue_depth=64")
	defer C.free(unsafe.Pointer(wanted))
	env := C.rocksdb_uring_create_env(wanted, &message)
	check(message)
	defer C.rocksdb_env_destroy(env) // runs after rocksdb_close below

	options := C.rocksdb_options_create()
	defer C.rocksdb_options_destroy(options)
	C.rocksdb_options_set_create_if_missing(options, 1)
	C.rocksdb_options_set_env(options, env)
	path := C.CString(os.Args[1])
	defer C.free(unsafe.Pointer(path))
	db := C.rocksdb_open(options, path, &message)
	check(message)
	defer C.rocksdb_close(db)

	write := C.rocksdb_writeoptions_create()
	defer C.rocksdb_writeoptions_destroy(write)
	read := C.rocksdb_readoptions_create()
	defer C.rocksdb_readoptions_destroy(read)
	key, value := C.CString("greeting"), C.CString("hello")
	defer C.free(unsafe.Pointer(key))
	defer C.free(unsafe.Pointer(value))
	C.rocksdb_put(db, write, key, 8, value, 5, &message)
	check(message)
	var length C.size_t
	found := C.rocksdb_get(db, read, key, 8, &length, &message)
	check(message)
	defer C.rocksdb_free(unsafe.Pointer(found))
	fmt.Println(C.GoStringN(found, C.int(length)))
}
