// A database on io_uring, in Java: RocksDB's C API through JNI (env_jni.c).
// RocksJava itself brings a RocksDB of its own and cannot take this library's
// environment; plugin/README.md says what to do there.
//
// SPDX-License-Identifier: Apache-2.0
public final class Env implements AutoCloseable {
  static {
    System.loadLibrary("env_jni");
  }

  private final long handle;

  /** Opens or makes the database at `path`; `options` as in plugin/README.md. */
  public Env(String path, String options) {
    handle = open(path, options);
  }

  public void put(String key, String value) {
    put(handle, key, value);
  }

  public String get(String key) {
    return get(handle, key);
  }

  @Override
  public void close() {
    close(handle);
  }

  private static native long open(String path, String options);
  private static native void put(long handle, String key, String value);
  private static native String get(long handle, String key);
  private static native void close(long handle);

  public static void main(String[] arguments) {
    try (Env database = new Env(arguments[0], "queue_depth=64")) {
      database.put("greeting", "hello");
      System.out.println(database.get("greeting"));
    }
  }
}
