/* The native half of Env.java.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <jni.h>
#include <stdlib.h>
#include <string.h>

#include "rocksdb_uring/c.h"

typedef struct {
  rocksdb_env_t* env;
  rocksdb_options_t* options;
  rocksdb_writeoptions_t* write;
  rocksdb_readoptions_t* read;
  rocksdb_t* db;
} Database;

/* Turns what a call has left in errptr into an exception; takes it over. */
static int Throw(JNIEnv* jni, char* error) {
  if (error == NULL) {
    return 0;
  }
  (*jni)->ThrowNew(jni, (*jni)->FindClass(jni, "java/lang/RuntimeException"),
                   error);
  free(error);
  return 1;
}

static void Free(Database* database) {
  if (database->db != NULL) {
    rocksdb_close(database->db);
  }
  rocksdb_readoptions_destroy(database->read);
  rocksdb_writeoptions_destroy(database->write);
  rocksdb_options_destroy(database->options);
  if (database->env != NULL) {
    rocksdb_env_destroy(database->env); /* after the last database on it */
  }
  free(database);
}

JNIEXPORT jlong JNICALL Java_Env_open(JNIEnv* jni, jclass type, jstring path,
                                      jstring wanted) {
  (void)type;
  char* error = NULL;
  const char* const path_text = (*jni)->GetStringUTFChars(jni, path, NULL);
  const char* const wanted_text = (*jni)->GetStringUTFChars(jni, wanted, NULL);
  Database* const database = calloc(1, sizeof(Database));
  database->options = rocksdb_options_create();
  database->write = rocksdb_writeoptions_create();
  database->read = rocksdb_readoptions_create();
  database->env = rocksdb_uring_create_env(wanted_text, &error);
  if (error == NULL) {
    rocksdb_options_set_create_if_missing(database->options, 1);
    rocksdb_options_set_env(database->options, database->env);
    database->db = rocksdb_open(database->options, path_text, &error);
  }
  (*jni)->ReleaseStringUTFChars(jni, path, path_text);
  (*jni)->ReleaseStringUTFChars(jni, wanted, wanted_text);
  if (Throw(jni, error)) {
    Free(database);
    return 0;
  }
  return (jlong)database;
}

JNIEXPORT void JNICALL Java_Env_put(JNIEnv* jni, jclass type, jlong handle,
                                    jstring key, jstring value) {
  (void)type;
  Database* const database = (Database*)handle;
  char* error = NULL;
  const char* const key_text = (*jni)->GetStringUTFChars(jni, key, NULL);
  const char* const value_text = (*jni)->GetStringUTFChars(jni, value, NULL);
  rocksdb_put(database->db, database->write, key_text, strlen(key_text),
              value_text, strlen(value_text), &error);
  (*jni)->ReleaseStringUTFChars(jni, key, key_text);
  (*jni)->ReleaseStringUTFChars(jni, value, value_text);
  Throw(jni, error);
}

JNIEXPORT jstring JNICALL Java_Env_get(JNIEnv* jni, jclass type, jlong handle,
                                       jstring key) {
  (void)type;
  Database* const database = (Database*)handle;
  char* error = NULL;
  size_t size = 0;
  const char* const key_text = (*jni)->GetStringUTFChars(jni, key, NULL);
  char* const found = rocksdb_get(database->db, database->read, key_text,
                                  strlen(key_text), &size, &error);
  (*jni)->ReleaseStringUTFChars(jni, key, key_text);
  if (Throw(jni, error) || found == NULL) {
    return NULL;
  }
  char* const text = calloc(size + 1, 1);
  memcpy(text, found, size);
  rocksdb_free(found);
  const jstring result = (*jni)->NewStringUTF(jni, text);
  free(text);
  return result;
}

JNIEXPORT void JNICALL Java_Env_close(JNIEnv* jni, jclass type, jlong handle) {
  (void)jni;
  (void)type;
  Free((Database*)handle);
}
