# SPDX-License-Identifier: MIT
# Bash completion for chatctl(8).

# The word is the name of a file.
_chatctl_file()
{
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_chatctl()
{
	# One on each line; some have two words.
	local verbs='status
workers
sessions
kick
plugins
routes
limits
log
reload
drain
notice
account add
account password
account lock
account unlock
account list
account show
account export
account erase
invite create
invite list
invite revoke
group list
group show
group dissolve
group keep
mute
ban
unban
bans
backup
restore
check
export
import
purge before
purge status
bot add
bot list
bot remove
bot secret
bot token'
	local options='-s --socket -t --timeout --json -V --version -h --help'
	local word=${COMP_WORDS[COMP_CWORD]} verb='' first second seconds='' i

	COMPREPLY=()
	# The word of an option.
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	-s | --socket)
		_chatctl_file "$word"
		return
		;;
	-t | --timeout) return ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | --socket | -t | --timeout) ((i++)) ;;
		-*) ;;
		*)
			verb=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	case $verb in
	'')
		case $word in
		-*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word") ;;
		*) mapfile -t COMPREPLY < <(compgen -W "$(while read -r first _; do echo "$first"; done <<<"$verbs" | uniq)" -- "$word") ;;
		esac
		;;
	backup | restore | export | import) _chatctl_file "$word" ;;
	log) mapfile -t COMPREPLY < <(compgen -W 'error warning info debug' -- "$word") ;;
	*)
		# The file of an export, or the second word of a verb.
		[[ $verb == account && ${COMP_WORDS[i + 1]} == export ]] && ((i == COMP_CWORD - 3)) && _chatctl_file "$word"
		((i == COMP_CWORD - 1)) || return
		while read -r first second; do
			[[ $first == "$verb" ]] && seconds+=" $second"
		done <<<"$verbs"
		mapfile -t COMPREPLY < <(compgen -W "$seconds" -- "$word")
		;;
	esac
}

complete -F _chatctl chatctl
