exec Xtigervnc :1 -rfbport $P -interface $A -SecurityTypes None,VncAuth -PasswordFile /dev/null -nolock \
    -nolisten unix -nolisten tcp -geometry 64x64
