// A database on io_uring, in Rust: RocksDB's C API.
//
// SPDX-License-Identifier: Apache-2.0
use std::ffi::{c_void, CStr, CString};
use std::os::raw::{c_char, c_uchar};
use std::ptr::null_mut;

#[link(name = "rocksdb_uring")]
extern "C" {
    fn rocksdb_uring_create_env(options: *const c_char, error: *mut *mut c_char) -> *mut c_void;
}

#[link(name = "rocksdb")]
#[rustfmt::skip]
extern "C" {
    fn rocksdb_env_destroy(env: *mut c_void);
    fn rocksdb_options_create() -> *mut c_void;
    fn rocksdb_options_destroy(options: *mut c_void);
    fn rocksdb_options_set_create_if_missing(options: *mut c_void, on: c_uchar);
    fn rocksdb_options_set_env(options: *mut c_void, env: *mut c_void);
    fn rocksdb_open(options: *mut c_void, path: *const c_char, error: *mut *mut c_char) -> *mut c_void;
    fn rocksdb_close(db: *mut c_void);
    fn rocksdb_writeoptions_create() -> *mut c_void;
    fn rocksdb_writeoptions_destroy(options: *mut c_void);
    fn rocksdb_readoptions_create() -> *mut c_void;
    fn rocksdb_readoptions_destroy(options: *mut c_void);
    fn rocksdb_put(db: *mut c_void, options: *mut c_void, key: *const u8, key_size: usize,
                   value: *const u8, value_size: usize, error: *mut *mut c_char);
    fn rocksdb_get(db: *mut c_void, options: *mut c_void, key: *const u8, key_size: usize,
                   value_size: *mut usize, error: *mut *mut c_char) -> *mut u8;
    fn rocksdb_free(memory: *mut c_void);
}

// Ends the program if a call has left a message.
unsafe fn check(message: *mut c_char) {
    if !message.is_null() {
        panic!("{}", CStr::from_ptr(message).to_string_lossy());
    }
}

fn main() {
    let path = CString::new(std::env::args().nth(1).expect("a directory")).unwrap();
    let wanted = CString::new("queue_depth=64").unwrap();
    let mut message = null_mut();
    unsafe {
        let env = rocksdb_uring_create_env(wanted.as_ptr(), &mut message);
        check(message);
        let options = rocksdb_options_create();
        rocksdb_options_set_create_if_missing(options, 1);
        rocksdb_options_set_env(options, env);
        let db = rocksdb_open(options, path.as_ptr(), &mut message);
        check(message);
        let (write, read) = (rocksdb_writeoptions_create(), rocksdb_readoptions_create());
        rocksdb_put(db, write, b"greeting".as_ptr(), 8, b"hello".as_ptr(), 5, &mut message);
        check(message);
        let mut size = 0;
        let value = rocksdb_get(db, read, b"greeting".as_ptr(), 8, &mut size, &mut message);
        check(message);
        let found = std::slice::from_raw_parts(value, size);
        println!("{}", String::from_utf8_lossy(found));
        rocksdb_free(value.cast());
        rocksdb_readoptions_destroy(read);
        rocksdb_writeoptions_destroy(write);
        rocksdb_close(db);
        rocksdb_options_destroy(options);
        rocksdb_env_destroy(env); // after the last database on it
    }
}
