# shellcheck shell=bash
# Sourced by the scripts of tests/: reads a command line with getopt of
# util-linux. The script defines `usage`, which prints its usage, and `option`,
# which is called for each option.
#
#   option() {
#     case "$1" in
#       --full) full=1 ;;
#       --on) names+=("$2") ;;
#     esac
#   }
#   read_options full,on: 1 "$@"
#
# SPDX-License-Identifier: Apache-2.0

# Ends the script: the command line is wrong.
bad_usage() {
  usage >&2
  exit 2
}

# read_options OPTIONS COUNT ARGUMENTS...: OPTIONS are long names with commas
# between them and a colon behind those that take a value, as --name VALUE or
# --name=VALUE. --help and -h are options of every script. The other arguments,
# whose number must match the pattern COUNT, are left in the array `operands`.
read_options() {
  # Bash shows them to `option`, so they are named as no variable of a script is.
  local getopt_names="$1" getopt_count="$2" getopt_words
  shift 2
  getopt_words=$(getopt --name "$0" --options h \
    --longoptions "help,$getopt_names" -- "$@") || bad_usage
  eval "set -- $getopt_words"
  while [[ $1 != -- ]]; do
    if [[ $1 == --help || $1 == -h ]]; then
      usage
      exit 0
    elif [[ ,$getopt_names, == *",${1#--}:,"* ]]; then
      option "$1" "$2"
      shift
    else
      option "$1"
    fi
    shift
  done
  shift
  operands=("$@")
  # shellcheck disable=SC2053  # a pattern
  [[ ${#operands[@]} == $getopt_count ]] || bad_usage
}
